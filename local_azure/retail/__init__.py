"""Azure's retail price list as prices.azure.com serves it: public, no login, OData filters."""
