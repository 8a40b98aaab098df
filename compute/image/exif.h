// The one thing that we read of EXIF: the orientation (EXIF 2.32, tag 0x0112).
// A TIFF block is what follows "Exif\0\0" in a JPEG's APP1 and what a PNG's
// eXIf chunk holds. It may be hostile: nothing outside the block is ever read.
#ifndef NEVUS_COMPUTE_IMAGE_EXIF_H_
#define NEVUS_COMPUTE_IMAGE_EXIF_H_

#include <string>
#include <string_view>

namespace nevus {

// 1 to 8; 1 (upright) also for a block without orientation, one that cannot be
// read, and a nonsensical value.
int ReadOrientation(std::string_view tiff);

// A TIFF block of 26 bytes that holds `orientation` and nothing else.
std::string OrientationOnlyTiff(int orientation);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_EXIF_H_
