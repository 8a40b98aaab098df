// Takes out of an image what could tell of a person or a place, before it is
// stored. Lossless: the pixels are not decoded, and DecodeImage gives the same
// ones for the result, bit for bit. Knows no storage and no policy of when.
#ifndef NEVUS_COMPUTE_IMAGE_STRIP_H_
#define NEVUS_COMPUTE_IMAGE_STRIP_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace nevus {

// What stays is what the pixels and their colours need; all else goes:
// * JPEG: of the application segments stay JFIF's (without its thumbnail),
//   Adobe's (how colours are coded) and ICC profiles. EXIF, GPS, XMP, maker
//   notes, thumbnails, comments, and whatever follows the end marker go.
// * PNG: stay IHDR, PLTE, tRNS, IDAT, IEND and cHRM, gAMA, iCCP, sBIT, sRGB,
//   cICP, pHYs. Texts, EXIF, times, private chunks, animation frames, and
//   whatever follows IEND go.
// * Of EXIF the orientation stays if it is not 1, in an EXIF that holds nothing
//   else: without it the pixels would turn.
//
// Stripping twice gives what stripping once does. Thread-safe. INVALID_ARGUMENT
// with a reason as in decode.h for what is no JPEG or PNG, or one whose
// segments cannot be followed to the end. Damage inside the pixels is copied,
// not found, and no limit is applied: decode first.
absl::StatusOr<std::string> StripMetadata(std::string_view bytes);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_STRIP_H_
