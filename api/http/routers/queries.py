"""placeholder while the catalogue is written"""
from fastapi import APIRouter
router = APIRouter()
