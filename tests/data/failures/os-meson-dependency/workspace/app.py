import cairo
