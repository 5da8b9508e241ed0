import environs
