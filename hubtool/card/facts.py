"""The one record that every statement on a card is made from."""
