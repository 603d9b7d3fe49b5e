"""State in two DynamoDB tables: `people` and `work`."""
