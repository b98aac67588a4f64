"""Resource providers: what Azure's services decide about resources."""
