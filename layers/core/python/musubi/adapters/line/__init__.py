"""LINE's Messaging API. line-bot-sdk is imported here and nowhere else, when a gateway is made: it takes half a second."""
