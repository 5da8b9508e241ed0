import cairocffi
