"""What a message, a reading and a payload contract are: topics, decoding, times. Pure; opens no file and no socket."""
