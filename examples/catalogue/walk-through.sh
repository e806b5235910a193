#!/bin/sh
# From keys to offline verification: a lab with a catalogue, and a reader who has a copy of it and no network.
# Run it in an empty folder; the names of folders are examples.
set -eu

# 1. Three holders, each with a key of both families. In earnest each key is made on the machine where it stays, and the
#    root's is kept offline.
pqvalidate keygen --out keys/lab --name "Example lab" --role lab
pqvalidate keygen --out keys/catalogue --name "Example catalogue" --role catalogue
pqvalidate keygen --out keys/root --name "Example root" --role root --organisation government

# 2. The lab validates a product and issues a certificate with a verdict under a profile.
pqvalidate run openssl --depth quick --parameter-set ML-KEM-768 --out bundle >/dev/null || test $? -eq 3
pqvalidate certify bundle --key keys/lab/signing-key.json --policy nist-base --out product.json

# 3. The catalogue is made: the root says who may sign it, and the trust file whose certificates it takes.
pqvalidate publish product.json --catalogue catalogue --trust keys/lab/trust.json \
  --key keys/catalogue/signing-key.json --root-key keys/root/signing-key.json

# 4. A reader gets the trust file and the first root by a way of its own (from hand to hand, in print by digest), and the
#    copy of the catalogue with the certificate from anybody.
mkdir reader
cp keys/lab/trust.json catalogue/metadata/1.root.json product.json reader/
cp -R catalogue reader/copy
cd reader
pqvalidate verify product.json --trust trust.json --catalogue copy --root 1.root.json \
  --max-staleness 7d --state seen.json
cd ..

# 5. A flaw is found; the certificate is withdrawn for good, and the next copy says so.
id=$(pqvalidate verify product.json --trust keys/lab/trust.json --format json |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["contents"]["id"])')
pqvalidate withdraw "$id" --catalogue catalogue --key keys/catalogue/signing-key.json --reason "a flaw in decapsulation"
cp -R catalogue reader/newer
cd reader
code=0
pqvalidate verify product.json --trust trust.json --catalogue newer --root 1.root.json --state seen.json || code=$?
test "$code" -eq 1

# 6. Whoever gives the reader the old copy again is found out.
code=0
pqvalidate verify product.json --trust trust.json --catalogue copy --root 1.root.json --state seen.json || code=$?
test "$code" -eq 1
