print("{\"elements\": 12}")
