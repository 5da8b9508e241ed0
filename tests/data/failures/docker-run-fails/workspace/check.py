import sys

sys.exit("the configuration is not complete")
