"""Shop systems: each module turns what one of them sends into canonical events. None of them calls anybody."""
