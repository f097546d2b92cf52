"""What a training row is, how rows are kept in files, and the tasks that work on those files."""
