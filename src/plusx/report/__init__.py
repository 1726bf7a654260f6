"""Result objects as self-contained HTML pages, for people."""
