"""What people may have done with their data, and the desks that do it. GDPR Art. 12 to 22."""
