// What a codec reads of an image before decoding it.
#ifndef NEVUS_COMPUTE_IMAGE_STORED_HEADER_H_
#define NEVUS_COMPUTE_IMAGE_STORED_HEADER_H_

#include <cstdint>

namespace nevus {

struct StoredHeader {
  // As stored: before orientation. At least 1.
  int width = 0;
  int height = 0;
  int orientation = 1;  // EXIF's, 1 to 8
  // No file of this size and kind is smaller than that. Keeps a file of a few
  // kilobytes from claiming memory for a hundred megapixels.
  int64_t least_bytes = 0;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_STORED_HEADER_H_
