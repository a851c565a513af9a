"""A CloudWatch dashboard as a page and as text: `body` reads what it shows, `chart` draws, `page` puts together."""
