"""What tests need: real servers, databases of their own, waiting without sleeping."""
