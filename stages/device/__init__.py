"""What runs on the Pi. Imports neither torch nor dvc nor mlflow."""
