"""Catalogue -> web page: prepared files, a server on this machine, and a folder that any web host serves. No torch."""
