"""What comes in from outside: crash reports, heartbeats; bounded, parsed, accepted through the pipeline."""
