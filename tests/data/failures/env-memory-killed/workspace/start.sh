#!/bin/bash
echo starting
python app.py
echo ended
