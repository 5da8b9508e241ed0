#!/bin/bash
./tool --serve
