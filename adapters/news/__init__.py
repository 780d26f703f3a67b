"""News: fetching politely, and reading feeds and pages in processes of their own."""
