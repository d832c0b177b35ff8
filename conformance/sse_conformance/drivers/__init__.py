"""What talks to a subject, and records what it says. No verdict is given here."""
