module hospes.example/interop

go 1.21

require github.com/stytchauth/stytch-go/v18 v18.0.0

require (
	github.com/MicahParks/keyfunc/v2 v2.0.1 // indirect
	github.com/golang-jwt/jwt/v5 v5.2.2 // indirect
	github.com/mitchellh/mapstructure v1.5.0 // indirect
)
