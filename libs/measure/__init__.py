"""What can be measured of moving pictures and sound. Pure: small arrays in, numbers out; numpy alone."""
