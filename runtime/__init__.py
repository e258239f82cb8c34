"""What runs the IR: the interpreter, the C runtime and the platform descriptions."""
