"""Forward and backward functions that are right, and the mistakes that are planted in them."""
