print("persona")
