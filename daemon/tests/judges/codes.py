"""What ZXing reads in the QR codes of a picture, one a line: codes.py PICTURE.png"""

import sys

import zxingcpp
from PIL import Image

for code in zxingcpp.read_barcodes(Image.open(sys.argv[1]), formats=zxingcpp.BarcodeFormat.QRCode):
    print(code.text)
