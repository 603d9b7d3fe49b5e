"""What `make` calls: setting up, building layers, running the CDK command line, checking the machine."""
