"""Models trained on labels: failures ahead, classes, remaining life; tested on other devices, evaluated by cost."""
