"""Servers as generators: ``web.py`` says what a server does with a connection, ``loop.py`` drives it on sockets."""
