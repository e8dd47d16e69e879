"""The ground floor: errors that every part raises, and settings that every part reads."""
