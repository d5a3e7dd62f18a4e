"""What is stored, made into what people read: histories, stories, tables, texts."""
