// Synthetic dermoscopic photographs with labels, for demos and tests where no
// real images are at hand.
//
// Before the first step of the way (image -> dataset -> feature -> model ->
// prediction). They look like dermoscopy and teach nothing about skin: every
// image says SYNTHETIC in its file name, in a JPEG comment and in its
// attributes.
#ifndef NEVUS_CLIENTS_SYNTHETIC_SYNTHETIC_H_
#define NEVUS_CLIENTS_SYNTHETIC_SYNTHETIC_H_

#include <cstdint>
#include <string>

namespace nevus {

// What decides how malignant a lesion looks, after the ABCD rule of dermoscopy
// (Stolz 1994): each is 0 (harmless) to 1 (alarming).
struct LesionTraits {
  double asymmetry = 0;
  double border = 0;      // raggedness and abrupt ends of the outline
  double colours = 0;     // how many, and how patchy
  double structures = 0;  // irregular dots, blotches, broken network
  double veil = 0;        // blue-white veil
  double diameter = 0;    // share of the image
};

struct SyntheticImage {
  std::string name;   // "synthetic_00001", the file's name without extension
  std::string jpeg;   // size x size pixels, quality 92, a comment SYNTHETIC
  std::string label;  // "melanoma" or "nevus", never wrong
  LesionTraits traits;
};

// The image number `index` (from 0) of the series `seed`, `size` pixels a side
// (32 to 2048). Two of five are melanomas. The traits of the two classes come
// from overlapping distributions, so no classifier is perfect. The same
// arguments give the same bytes with the same libjpeg. Thread-safe.
SyntheticImage Generate(uint64_t seed, int index, int size);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_SYNTHETIC_SYNTHETIC_H_
