import billing
