"""What pages are made of: elements with a Vue component of their own, written once for all pages."""
