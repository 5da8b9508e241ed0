from pydantic import BaseModel, field_validator
