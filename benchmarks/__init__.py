"""Measurements that people can repeat; run by hand or by `make bench`, never by CI."""
