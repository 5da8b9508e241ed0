const express = require('expres');
