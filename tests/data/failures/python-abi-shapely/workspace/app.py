import shapely
