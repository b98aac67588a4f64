"""Docker Engine in a simulated guest: images, containers, command line, dockur's Windows."""
