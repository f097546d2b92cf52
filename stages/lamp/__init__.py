"""What a lamp program is: its definition, grammar, simulator, pixel art, requests, teachers and checks."""
