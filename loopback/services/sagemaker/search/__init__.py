"""Search and GetSearchSuggestions: resources of many kinds by their properties."""
