"""From articles to a briefing: which tell the same story, which matter to the shop, what they say. Pure."""
