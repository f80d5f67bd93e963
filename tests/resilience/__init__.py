"""What survives while the platform is killed, stopped, frozen and emptied in parts."""
