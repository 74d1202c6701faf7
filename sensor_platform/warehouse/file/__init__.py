"""The warehouse file: how it is opened, who may write it, and what happens when it is damaged."""
