/// Children that have ended and were not waited for.
struct EndedChildren {}
