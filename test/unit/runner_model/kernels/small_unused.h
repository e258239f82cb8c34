#error "nobody includes this kernel"
