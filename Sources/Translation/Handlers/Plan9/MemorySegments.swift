/// The data segment and those that segattach(2) made.
struct Segments {}
